import tiktok from "../../tiktok/words.views.de";

export default { "tiktok.views": tiktok };
