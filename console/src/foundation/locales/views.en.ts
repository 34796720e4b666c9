import tiktok from "../../tiktok/words.views.en";

export default { "tiktok.views": tiktok };
