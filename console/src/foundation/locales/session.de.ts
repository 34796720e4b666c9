import foundation from "../words.session.de";

export default { "foundation.session": foundation };
