import points from "../../points/words.en";
import privacy from "../../privacy/words.en";
import programs from "../../programs/words.en";
import rewards from "../../rewards/words.en";

export default { points, privacy, programs, rewards };
