import foundation from "../words.session.en";

export default { "foundation.session": foundation };
