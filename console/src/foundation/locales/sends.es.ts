import performances from "../../performances/words.es";
import tiktok from "../../tiktok/words.connected.es";

export default { performances, "tiktok.connected": tiktok };
