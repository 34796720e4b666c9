import videos from "../../videos/words.repair.es";

export default { "videos.repair": videos };
