import notifications from "../../notifications/words.notices.en";

export default { "notifications.notices": notifications };
