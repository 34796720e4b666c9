import foundation from "../words.further.es";

/** Of problems, and what forms say. */
export default { "foundation.further": foundation };
