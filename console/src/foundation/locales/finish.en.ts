import performances from "../../performances/words.finish.en";

export default { "performances.finish": performances };
