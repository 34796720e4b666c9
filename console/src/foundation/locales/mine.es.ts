import points from "../../points/words.es";
import privacy from "../../privacy/words.es";
import programs from "../../programs/words.es";
import rewards from "../../rewards/words.es";

export default { points, privacy, programs, rewards };
