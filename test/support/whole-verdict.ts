/** What a restored client must be: ready without a QR, its history whole, nothing of it missing. */
export const wholeVerdict = {
  linked: true,
  chain: "ok",
  checkpointAhead: 0,
  localStorageAhead: 0,
  missingBlobs: 0,
  badMessages: 0,
} as const;
