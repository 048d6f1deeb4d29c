/** The verdict of a restored client: ready without a QR, and its history whole. */
export const wholeVerdict = {
  linked: true,
  chain: "ok",
  checkpointAhead: 0,
  localStorageAhead: 0,
  missingBlobs: 0,
  badMessages: 0,
} as const;
