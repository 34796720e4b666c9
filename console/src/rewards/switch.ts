/** Whether a code of the API (an event or audit act) belongs to rewards, and so is hidden where they are off. */
export const isOfRewards = (code: string): boolean => /^(picture|redemption|reward)\./.test(code);
