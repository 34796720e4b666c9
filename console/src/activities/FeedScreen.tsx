import { useLocation } from "preact-iso";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { asProblem } from "../foundation/api/problems";
import { queryClient } from "../foundation/api/queries";
import { later, whenIdle } from "../foundation/later";
import { sessionState } from "../foundation/session/session";
import { Button, IconButton, LinkButton } from "../foundation/ui/buttons";
import { EmptyState, ErrorNote, ErrorState, Loading, PageHead, Skeleton } from "../foundation/ui/parts";
import { announce, toast } from "../foundation/ui/toasts";
import { toastProblem } from "../foundation/ui/toast_problem";
import { withWords } from "../foundation/words";
import { ME } from "../me/queries";
import { FeedCard } from "./FeedCard";
import css from "./feed.module.css";
import { dismiss, FEED, type FeedItem, lastFeed, readOffered, takeOutOfFeed, undismiss, useCampaigns, useFeed } from "./queries";
import { usePull } from "./pull";
import { t } from "./words";

const loadSendDialog = withWords(() => import("../performances/SendDialog"), "further", "sends");
const SendDialog = later(loadSendDialog);

export default function FeedScreen() {
  const { query, route } = useLocation();
  const campaign = query.campaign || null;
  const feed = useFeed(campaign);
  const [sending, setSending] = useState<FeedItem>();
  const offline = sessionState.value === "offline" || (feed.error ? asProblem(feed.error).code === "offline" : false);
  const items = feed.data?.pages.flatMap((page) => page.items) ?? [];
  const { names, several } = useCampaignNames(items, campaign);
  const found = useComeBack(query.activity, items, feed.isSuccess, setSending);

  const refresh = useCallback((): void => {
    void feed.refetch().then((result) => {
      if (result.isSuccess) announce(t("refreshed"));
    });
    void queryClient.invalidateQueries({ queryKey: ME });
  }, [feed.refetch]);
  const { pulled, farEnough } = usePull(refresh);
  // Once the cards are there: so that the dialog opens at once, also when the network is gone by then.
  useEffect(() => (feed.isSuccess ? whenIdle(() => void loadSendDialog().catch(() => undefined)) : undefined), [feed.isSuccess]);

  const takeOut = async (item: FeedItem): Promise<void> => {
    const putBack = takeOutOfFeed(item.activity_id);
    const undo = async (): Promise<void> => {
      putBack();
      try {
        await undismiss(item.activity_id);
        announce(t("brought_back"));
      } catch (error) {
        toastProblem(error);
      }
      await queryClient.invalidateQueries({ queryKey: FEED });
    };
    try {
      await dismiss(item.activity_id);
      toast(t("dismissed"), { label: t("undo"), run: () => void undo() });
    } catch (error) {
      putBack();
      toastProblem(error);
    }
  };

  const closed = (performed: boolean): void => {
    const item = sending;
    setSending(undefined);
    if (query.activity) route(campaign ? `/?campaign=${encodeURIComponent(campaign)}` : "/", true);
    if (!performed || !item) return;
    takeOutOfFeed(item.activity_id);
    for (const queryKey of [FEED, ME, ["performances"]]) void queryClient.invalidateQueries({ queryKey });
  };

  const shown = offline && !feed.data ? lastFeed() : items;
  return (
    <>
      <div class={css.pull} style={{ blockSize: `${pulled}px` }} aria-hidden="true">
        {pulled > 24 ? t(farEnough ? "release_to_refresh" : "pull_to_refresh") : null}
      </div>
      <PageHead
        title={t("feed_title")}
        actions={
          <IconButton
            icon="refresh"
            label={t("refresh")}
            onClick={refresh}
            aria-busy={feed.isFetching ? "true" : undefined}
          />
        }
      >
        {shown.length > 0 && !feed.hasNextPage ? t("feed_text", { count: shown.length }) : null}
        {shown.length > 0 && feed.hasNextPage ? t("feed_text_more", { count: shown.length }) : null}
      </PageHead>
      {several ? (
        <div class={css.bar} role="group" aria-label={t("campaigns")}>
          <Filter chosen={!campaign} label={t("all_campaigns")} onChoose={() => route("/")} />
          {names.map(({ id, name }) => (
            <Filter
              key={id}
              chosen={campaign === id}
              label={name}
              onChoose={() => route(`/?campaign=${encodeURIComponent(id)}`)}
            />
          ))}
        </div>
      ) : null}
      <Cards
        feed={feed}
        items={shown}
        offline={offline}
        filtered={campaign !== null}
        found={found}
        campaignName={(id) => names.find((each) => each.id === id)?.name}
        onSend={setSending}
        onDismiss={(item) => void takeOut(item)}
      />
      {sending ? <SendDialog item={sending} onClose={closed} /> : null}
    </>
  );
}

function Filter({ chosen, label, onChoose }: { chosen: boolean; label: string; onChoose: () => void }) {
  return (
    <button type="button" class={css.filter} aria-pressed={chosen} onClick={onChoose}>
      <bdi>{label}</bdi>
    </button>
  );
}

type CardsProps = {
  feed: ReturnType<typeof useFeed>;
  items: FeedItem[];
  offline: boolean;
  filtered: boolean;
  found: string | undefined;
  campaignName: (id: string) => string | undefined;
  onSend: (item: FeedItem) => void;
  onDismiss: (item: FeedItem) => void;
};

function Cards({ feed, items, offline, filtered, found, campaignName, onSend, onDismiss }: CardsProps) {
  if (items.length === 0) {
    if (feed.error) return <ErrorState error={feed.error} onRetry={() => void feed.refetch()} />;
    if (feed.isPending) return <CardSkeletons />;
    return filtered ? (
      <EmptyState icon="campaign" title={t("empty_campaign_title")} actions={<LinkButton href="/">{t("show_all")}</LinkButton>}>
        {t("empty_campaign_text")}
      </EmptyState>
    ) : (
      <EmptyState icon="check" title={t("empty_title")} actions={<LinkButton href="/history">{t("to_history")}</LinkButton>}>
        {t("empty_text")}
      </EmptyState>
    );
  }
  return (
    <>
      {feed.error && !offline ? <ErrorNote error={feed.error} /> : null}
      <div class={css.grid}>
        {items.map((item) => (
          <FeedCard
            key={item.activity_id}
            item={item}
            campaign={item.campaign_id ? campaignName(item.campaign_id) : undefined}
            found={found === item.activity_id}
            offline={offline}
            counts
            onSend={onSend}
            onDismiss={onDismiss}
          />
        ))}
      </div>
      <More feed={feed} />
    </>
  );
}

/** Loads on when its end comes near, and by a button for whom nothing scrolls. */
function More({ feed }: { feed: ReturnType<typeof useFeed> }) {
  const end = useRef<HTMLDivElement>(null);
  const { hasNextPage, isFetchingNextPage, fetchNextPage, isFetchNextPageError } = feed;
  useEffect(() => {
    if (!end.current || !hasNextPage || isFetchingNextPage || isFetchNextPageError) return;
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (entry?.isIntersecting) void fetchNextPage();
      },
      { rootMargin: "600px" },
    );
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage]);
  return (
    <div ref={end} class={css.end}>
      {hasNextPage ? (
        <Button busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          {isFetchingNextPage ? t("loading_more") : t("more_videos")}
        </Button>
      ) : (
        t("end_of_feed")
      )}
    </div>
  );
}

function CardSkeletons() {
  return (
    <Loading>
      <div class={css.grid}>
        {[0, 1, 2].map((each) => (
          <div key={each} class={css.card}>
            <div class={`${css.video} ${css.portrait} ${css.blank}`}>
              <Skeleton height="100%" />
            </div>
            <div class={css.body}>
              <Skeleton width="40%" />
              <Skeleton width="90%" height="1.25em" />
              <Skeleton width="65%" height="1.25em" />
              <Skeleton height="2.75rem" />
            </div>
          </div>
        ))}
      </div>
    </Loading>
  );
}

/**
 * The campaigns that the feed speaks of, by name, and whether there is something to choose among:
 * that is known with the cards, so that these do not move when the names come. Names that cannot be
 * had leave no gap.
 */
function useCampaignNames(items: FeedItem[], chosen: string | null): { names: { id: string; name: string }[]; several: boolean } {
  const seen = useRef(new Set<string>());
  for (const item of items) if (item.campaign_id) seen.current.add(item.campaign_id);
  if (chosen) seen.current.add(chosen);
  const campaigns = useCampaigns(seen.current.size > 0);
  const names = (campaigns.data?.items ?? [])
    .filter((each) => seen.current.has(each.campaign_id))
    .map((each) => ({ id: each.campaign_id, name: each.name }));
  const several = (campaigns.isPending ? seen.current.size : names.length) > 1 || chosen !== null;
  return { names, several };
}

/**
 * `/?activity=ID` comes back to a card: it is scrolled to where the feed has it, else its dialog is
 * opened, as long as it may still be sent.
 */
function useComeBack(
  activityId: string | undefined,
  items: FeedItem[],
  ready: boolean,
  open: (item: FeedItem) => void,
): string | undefined {
  const inFeed = items.some((item) => item.activity_id === activityId);
  useEffect(() => {
    if (!activityId || !ready || inFeed) return;
    readOffered(activityId).then(
      (item) => open(item),
      (error: unknown) => {
        if (asProblem(error).passing) toastProblem(error);
        else toast(`${t("gone_title")}. ${t("gone_text")}`);
      },
    );
  }, [activityId, ready, inFeed]);
  return inFeed ? activityId : undefined;
}
