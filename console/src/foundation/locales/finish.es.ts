import performances from "../../performances/words.finish.es";

export default { "performances.finish": performances };
