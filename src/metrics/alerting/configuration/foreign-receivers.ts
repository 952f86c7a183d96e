/**
 * Receivers of the field that Tutti loads and does not deliver to. Of their fields only those are checked without which
 * Alertmanager itself would refuse the file.
 */
export interface ForeignReceiver {
  /** One of each group must be there. A field that starts with `global.` is looked for in `global`. */
  readonly needs: readonly (readonly string[])[];
  /** Fields that newer versions no longer know. */
  readonly removed?: readonly string[];
  /** An empty entry stands for all defaults. */
  readonly mayBeEmpty?: true;
}

const webhook: ForeignReceiver = { needs: [["webhook_url", "webhook_url_file"]] };

export const FOREIGN_RECEIVERS: Readonly<Record<string, ForeignReceiver>> = {
  discord: webhook,
  incidentio: { needs: [["url", "url_file"]] },
  jira: { needs: [["api_url", "global.jira_api_url"], ["project"], ["issue_type"]] },
  mattermost: {
    needs: [
      [
        "webhook_url",
        "webhook_url_file",
        "global.mattermost_webhook_url",
        "global.mattermost_webhook_url_file",
      ],
    ],
  },
  msteams: webhook,
  msteamsv2: webhook,
  opsgenie: {
    needs: [["api_key", "api_key_file", "global.opsgenie_api_key", "global.opsgenie_api_key_file"]],
    removed: ["teams"],
    mayBeEmpty: true,
  },
  pushover: {
    needs: [
      ["user_key", "user_key_file"],
      ["token", "token_file"],
    ],
  },
  rocketchat: {
    needs: [
      ["token", "token_file", "global.rocketchat_token", "global.rocketchat_token_file"],
      ["token_id", "token_id_file", "global.rocketchat_token_id", "global.rocketchat_token_id_file"],
    ],
    mayBeEmpty: true,
  },
  sns: { needs: [["topic_arn", "phone_number", "target_arn"]] },
  telegram: {
    needs: [
      ["bot_token", "bot_token_file", "global.telegram_bot_token", "global.telegram_bot_token_file"],
      ["chat_id", "chat_id_file"],
    ],
  },
  victorops: {
    needs: [
      ["api_key", "api_key_file", "global.victorops_api_key", "global.victorops_api_key_file"],
      ["routing_key"],
    ],
  },
  webex: { needs: [["room_id"], ["http_config"]] },
  wechat: {
    needs: [
      ["api_secret", "api_secret_file", "global.wechat_api_secret", "global.wechat_api_secret_file"],
      ["corp_id", "global.wechat_api_corp_id"],
    ],
    mayBeEmpty: true,
  },
};
