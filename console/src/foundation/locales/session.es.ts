import foundation from "../words.session.es";

export default { "foundation.session": foundation };
