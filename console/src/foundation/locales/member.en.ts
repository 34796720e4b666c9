import foundation from "../words.en";
import activities from "../../activities/words.en";

export default { foundation, activities };
