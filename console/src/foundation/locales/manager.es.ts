import foundation from "../words.manager.es";
import activities from "../../activities/words.manager.es";
import performances from "../../performances/words.manager.es";
import videos from "../../videos/words.manager.es";

export default { "foundation.manager": foundation, "activities.manager": activities, "performances.manager": performances, "videos.manager": videos };
