import { expect, test } from "vitest";
import { bytesOf, deviceId, label } from "../src/notifications/push";

test("a device has the id that the server gives its address", async () => {
  // The same address in the API's own function.
  expect(await deviceId("https://push.example/send/abc")).toBe("dev_7043c920dcbf8e8f4168e8500e");
});

test("a key is read from base64url without padding", () => {
  expect([...bytesOf("-_8A")]).toEqual([251, 255, 0]);
  expect([...bytesOf("-_8")]).toEqual([251, 255]);
});

test.each([
  ["Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36", "Chrome, Android"],
  ["Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari, iPhone"],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 14_0) Version/18.0 Safari/605.1.15", "Safari, Mac"],
  ["Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/130.0 Safari/537.36 Edg/130.0", "Edge, Windows"],
  ["Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox, Linux"],
  ["something else", "Browser"],
])("a device is named after its browser and system: %s", (userAgent, name) => {
  expect(label(userAgent)).toBe(name);
});
