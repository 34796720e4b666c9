import foundation from "../words.manager.de";
import activities from "../../activities/words.manager.de";
import performances from "../../performances/words.manager.de";
import videos from "../../videos/words.manager.de";

export default { "foundation.manager": foundation, "activities.manager": activities, "performances.manager": performances, "videos.manager": videos };
