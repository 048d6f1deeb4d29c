/**
 * A state of this process that several users may need at once: `begin` makes it for the first one, and what `begin`
 * answers ends it after the last one.
 * @returns a function for a user to begin, which answers the function for the same user to end
 */
export function whileUsed(begin: () => () => void): () => () => void {
  let users = 0;
  let end = (): void => {};
  return () => {
    if (users++ === 0) end = begin();
    let isUsing = true;
    return () => {
      if (isUsing && --users === 0) end();
      isUsing = false;
    };
  };
}
