import foundation from "../words.es";
import activities from "../../activities/words.es";

export default { foundation, activities };
