import foundation from "../words.commands.en";

export default { "foundation.commands": foundation };
