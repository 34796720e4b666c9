import notifications from "../../notifications/words.notices.de";

export default { "notifications.notices": notifications };
