import me from "../../me/words.es";
import tiktok from "../../tiktok/words.es";

export default { me, tiktok };
