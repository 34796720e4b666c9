/** Whether a code of the API (an event, an act of the audit trail) is one of rewards: not offered where they are off. */
export const isOfRewards = (code: string): boolean => /^(picture|redemption|reward)\./.test(code);
