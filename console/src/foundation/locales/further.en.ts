import foundation from "../words.further.en";

/** Of problems, and what forms say. */
export default { "foundation.further": foundation };
