import videos from "../../videos/words.repair.de";

export default { "videos.repair": videos };
