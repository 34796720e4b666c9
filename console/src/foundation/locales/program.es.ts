import points from "../../points/words.manager.es";
import programs from "../../programs/words.manager.es";

/** Of a program's people, channels, campaigns and settings, as managers see them. */
export default { "points.manager": points, "programs.manager": programs };
