import foundation from "../words.manager.en";
import activities from "../../activities/words.manager.en";
import performances from "../../performances/words.manager.en";
import videos from "../../videos/words.manager.en";

export default { "foundation.manager": foundation, "activities.manager": activities, "performances.manager": performances, "videos.manager": videos };
