import foundation from "../words.de";
import activities from "../../activities/words.de";

export default { foundation, activities };
