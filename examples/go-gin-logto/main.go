// A small web shop that signs its customers in at Sekisho with Logto's Go SDK, version 1.
package main

import (
	"sekisho.example/go-gin-logto/shop"

	"github.com/logto-io/go/client"
)

func main() {
	shop.Run(shop.SDK{Open: open, AccessTokensKey: client.StorageKeyAccessTokenMap})
}

type gate struct{ *client.LogtoClient }

// A client for each request, and a config for each client: the SDK writes its own scopes into it.
func open(s shop.Settings, storage *shop.Storage) shop.Gate {
	return gate{client.NewLogtoClient(&client.LogtoConfig{
		Endpoint:  s.Endpoint,
		AppId:     s.AppID,
		AppSecret: s.AppSecret,
		Scopes:    shop.Scopes,
		Resources: s.Resources(),
	}, storage)}
}

func (g gate) Claims() (shop.Claims, error) {
	claims, err := g.GetIdTokenClaims()
	return shop.Claims{Subject: claims.Sub, Email: claims.Email}, err
}

func (g gate) UserInfo() (any, error) { return g.FetchUserInfo() }

func (g gate) ResourceToken(resource string) (string, error) {
	token, err := g.GetAccessToken(resource)
	return token.Token, err
}

func (g gate) OrganizationToken(id string) (string, error) {
	token, err := g.GetOrganizationToken(id)
	return token.Token, err
}
