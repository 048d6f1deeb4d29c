// A bot under pm2: `pm2 start ecosystem.config.cjs`. One process, never cluster mode: a session has one writer.
module.exports = {
  apps: [
    {
      name: "support-bot",
      script: "bot.mjs",
      // More than finalSaveTimeoutMs (8 s) plus the time that Chromium needs to close. The default, 1600, kills the bot in
      // the middle of its last save.
      kill_timeout: 60_000,
      // The signal goes to node alone, which closes the browser itself.
      treekill: false,
    },
  ],
};
