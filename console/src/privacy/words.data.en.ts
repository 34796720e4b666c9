export default {
  title: "Data of {name}",
  close: "Close",
  cancel: "Cancel",
  copy_text: "All that this program keeps of them, as a zip of JSON files. Give it to nobody but them.",
  erase: "Erase",
  erase_text: "{name} leaves the program, and within minutes nothing names them any more: profile, TikTok account, texts and sign-in are gone. Points and counts stay without their name. This cannot be taken back.",
  erase_confirm: "Type {email} to confirm",
  erase_differs: "That is not their address.",
  erase_now: "Erase for good",
  erasure_erasing: "Being erased since {when}. It takes about six minutes, and longer while a video is being sent.",
  erasure_erased: "Erased {when}. Points and counts stay without a name.",
} as const;
