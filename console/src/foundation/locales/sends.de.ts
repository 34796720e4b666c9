import performances from "../../performances/words.de";
import tiktok from "../../tiktok/words.connected.de";

export default { performances, "tiktok.connected": tiktok };
