import videos from "../../videos/words.repair.en";

export default { "videos.repair": videos };
