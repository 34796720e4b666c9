/** What managers' pages are made of: the way back, filters, lists that go on page by page. */
import type { ComponentChildren } from "preact";
import { t } from "../words.manager";
import { Button } from "./buttons";
import { Icon } from "./Icon";
import css from "./pages.module.css";
import { ErrorNote, ErrorState, Loading, Skeleton } from "./parts";

const ROWS = 5;

/** To the list that a page belongs to, above its title. */
export function BackLink({ href, children }: { href: string; children: ComponentChildren }) {
  return (
    <a class={css.back} href={href}>
      <Icon name="back" size={16} />
      {children}
    </a>
  );
}

/** Above a list; what is searched by comes first and is the widest. */
export function Filters({ search, children }: { search?: ComponentChildren; children: ComponentChildren }) {
  return (
    <div class={css.filters}>
      {search ? <div class={css.search}>{search}</div> : null}
      {children}
    </div>
  );
}

/** What is known of a query for a list; only one that is read page by page has a next page. */
type Listing = {
  isPending: boolean;
  error: unknown;
  refetch: () => Promise<unknown>;
  hasNextPage?: boolean;
  isFetchingNextPage?: boolean;
  fetchNextPage?: () => Promise<unknown>;
};

type ListProps = {
  list: Listing;
  /** How many there are, of those that are read. */
  count: number;
  /** How high a row is, for what is shown until they are there. */
  row: string;
  empty: ComponentChildren;
  children: ComponentChildren;
};

/** A list while it is read, when it cannot be, when it has nothing, and when there is more. */
export function List({ list, count, row, empty, children }: ListProps) {
  if (list.isPending) {
    return (
      <Loading>
        <div class={css.rows}>
          {Array.from({ length: ROWS }, (_, index) => (
            <Skeleton key={index} height={row} />
          ))}
        </div>
      </Loading>
    );
  }
  if (list.error && count === 0) return <ErrorState error={list.error} onRetry={() => void list.refetch()} />;
  return (
    <>
      {list.error ? <ErrorNote error={list.error} /> : null}
      {count > 0 ? children : list.hasNextPage ? null : empty}
      {list.hasNextPage ? (
        <div class={css.more}>
          <Button busy={list.isFetchingNextPage ?? false} onClick={() => void list.fetchNextPage?.()}>
            {t("show_more")}
          </Button>
        </div>
      ) : null}
    </>
  );
}
