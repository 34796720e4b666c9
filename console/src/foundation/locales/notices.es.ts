import notifications from "../../notifications/words.notices.es";

export default { "notifications.notices": notifications };
