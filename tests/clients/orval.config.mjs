// The two clients that orval makes most often: functions around fetch, and schemas of zod.
const input = "./lethe.json";
export default {
  fetch: { input, output: { target: "./orval/fetch.ts", client: "fetch" } },
  zod: { input, output: { target: "./orval/zod.ts", client: "zod" } },
};
