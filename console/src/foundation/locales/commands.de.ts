import foundation from "../words.commands.de";

export default { "foundation.commands": foundation };
