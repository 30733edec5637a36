/* Any bytes as a config.json: a refusal that names the file, or sizes that can be multiplied. */
#include "model/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tm_encoder_config config;
    tm_error error = {""};
    const tm_status status = tm_encoder_config_parse("m/config.json", (const char *)data, size, &config, &error);
    if (status != TM_OK) {
        require(status == TM_INVALID_ARGUMENT || status == TM_UNSUPPORTED);
        require(strncmp(error.message, "m/config.json: ", 15) == 0 && error.message[15] != 0);
        return 0;
    }
    require(config.hidden_size % config.heads == 0 && config.layers >= 1 && config.layers <= 10000);
    require(config.parameters >= config.vocab_size * config.hidden_size);
    require(config.parameters / config.layers >= config.hidden_size * config.intermediate_size * 2);
    require(config.parameters <= INT64_MAX / 8);
    require(tm_encoder_most_tokens(&config) >= 1 && config.pad_token_id < config.vocab_size);
    require(config.layer_norm_eps > 0 && config.layer_norm_eps < 1);
    return 0;
}
