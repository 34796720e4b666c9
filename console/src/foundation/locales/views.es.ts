import tiktok from "../../tiktok/words.views.es";

export default { "tiktok.views": tiktok };
