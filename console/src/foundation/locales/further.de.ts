import foundation from "../words.further.de";

/** Of problems, and what forms say. */
export default { "foundation.further": foundation };
