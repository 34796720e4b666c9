import me from "../../me/words.en";
import tiktok from "../../tiktok/words.en";

export default { me, tiktok };
