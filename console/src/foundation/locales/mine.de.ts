import points from "../../points/words.de";
import privacy from "../../privacy/words.de";
import programs from "../../programs/words.de";
import rewards from "../../rewards/words.de";

export default { points, privacy, programs, rewards };
