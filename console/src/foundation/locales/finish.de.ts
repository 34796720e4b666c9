import performances from "../../performances/words.finish.de";

export default { "performances.finish": performances };
