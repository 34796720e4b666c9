export default {
  points_of: "Points",
  adjust_title: "Points of {name}",
  give_or_take: "Give or take",
  give_points: "Give points",
  take_points: "Take points",
  amount: "How many",
  adjust_reason: "Reason",
  adjust_reason_hint: "The member reads it with their points",
  error_amount: "A whole number from 1 to {limit}.",
  error_reason: "Say why: the member reads it.",
  adjusted_toast: "{name} has {balance} points now.",
  so_far: "So far",
} as const;
