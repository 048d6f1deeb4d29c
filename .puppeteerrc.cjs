// A browser is found or installed by test/support/chromium.ts; puppeteer's own download is not needed.
module.exports = { skipDownload: true };
