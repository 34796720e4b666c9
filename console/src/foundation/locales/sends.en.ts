import performances from "../../performances/words.en";
import tiktok from "../../tiktok/words.connected.en";

export default { performances, "tiktok.connected": tiktok };
