/**
 * The same store, in which other functions take the place of some of its own.
 * @param inPlaceOf the function in the place of the one of this name; `undefined` for the store's own
 */
export function viewOf<Store extends object>(store: Store, inPlaceOf: (name: string) => unknown): Store {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function" || name === "constructor") return value;
      return inPlaceOf(String(name)) ?? value.bind(target);
    },
  });
}
