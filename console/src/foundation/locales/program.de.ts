import points from "../../points/words.manager.de";
import programs from "../../programs/words.manager.de";

/** Of a program's people, channels, campaigns and settings, as managers see them. */
export default { "points.manager": points, "programs.manager": programs };
