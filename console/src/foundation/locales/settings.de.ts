import me from "../../me/words.de";
import tiktok from "../../tiktok/words.de";

export default { me, tiktok };
