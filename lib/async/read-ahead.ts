/**
 * What `read` makes of each item, in the order of the items; the next `most` are read while one is used. After an error, or
 * when the caller ends early, what is under way is waited for.
 */
export async function* readAhead<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  most: number,
  read: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const underWay: Promise<R>[] = [];
  const start = (item: T): void => {
    const one = read(item);
    // Its error is told when its turn comes.
    one.catch(() => {});
    underWay.push(one);
  };
  try {
    for await (const item of items) {
      if (underWay.length === most) yield await (underWay.shift() as Promise<R>);
      start(item);
    }
    for (let one = underWay.shift(); one; one = underWay.shift()) yield await one;
  } finally {
    await Promise.allSettled(underWay);
  }
}
