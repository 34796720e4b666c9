import foundation from "../words.commands.es";

export default { "foundation.commands": foundation };
